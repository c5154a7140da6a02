/** Search from anywhere: events, properties, metrics, groups, and the pages themselves. */
import { Badge, Group, Kbd, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useMemo, useState, type KeyboardEvent, type ReactNode } from "react";
import { searchQuery } from "../api/queries-design";
import { Marked } from "../components/marked";
import { Icon } from "../components/icons";
import { ErrorState } from "../components/states";
import { useText } from "../i18n";
import { useOpenHit } from "../pages/catalogue/open";
import { PLACES } from "./places";

interface Option {
  id: string;
  content: ReactNode;
  choose: () => void;
}

export function QuickSearch({ close }: { close: () => void }) {
  const { t, locale } = useText();
  const navigate = useNavigate();
  const openHit = useOpenHit();
  const id = useId();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [wanted] = useDebouncedValue(text.trim(), 120);
  const found = useQuery({ ...searchQuery(wanted, locale), enabled: wanted !== "" });
  const places = useMemo(() => {
    const low = text.trim().toLowerCase();
    return PLACES.filter((place) => !low || t(place.label).toLowerCase().includes(low));
  }, [text, t]);
  const hits = wanted ? (found.data?.items ?? []) : [];
  const leave = (act: () => void) => () => {
    close();
    act();
  };
  const options: Option[] = [
    ...hits.map((hit) => ({
      id: `${hit.kind} ${hit.app} ${hit.name}`,
      choose: leave(() => openHit(hit)),
      content: (
        <Group gap={10} wrap="nowrap" justify="space-between">
          <div style={{ minWidth: 0 }}>
            <Text fz="sm" fw={600} truncate>
              <Marked hit={hit} field="name" />
            </Text>
            <Text fz="xs" c="dimmed" truncate>
              <Marked hit={hit} field="title" /> {hit.title && "· "}
              {hit.app}
            </Text>
          </div>
          <Badge variant="outline" color="gray" c="var(--mantine-color-text)" style={{ flex: "none" }}>
            {t(`catalogue.kind.${hit.kind}`)}
          </Badge>
        </Group>
      ),
    })),
    ...(wanted && hits.length
      ? [
          {
            id: "all",
            choose: leave(() => void navigate({ to: "/events", search: { q: wanted } })),
            content: (
              <Text fz="sm" className="tp-link">
                {t("quick.all")}
              </Text>
            ),
          },
        ]
      : []),
    ...places.map((place) => ({
      id: place.to,
      choose: leave(() => void navigate({ to: place.to })),
      content: (
        <Group gap={10} justify="space-between">
          <Group gap={10}>
            <Icon name={place.icon} size={16} />
            <Text fz="sm">{t(place.label)}</Text>
          </Group>
          <span>
            <Kbd size="xs">g</Kbd> <Kbd size="xs">{place.key}</Kbd>
          </span>
        </Group>
      ),
    })),
  ];
  const chosen = Math.min(at, Math.max(0, options.length - 1));
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = (chosen + (event.key === "ArrowDown" ? 1 : -1) + options.length) % Math.max(1, options.length);
      setAt(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      options[chosen]?.choose();
    }
  };
  return (
    <Modal.Root opened onClose={close} size={620} padding={0} yOffset="10vh" transitionProps={{ duration: 80 }}>
      <Modal.Overlay />
      <Modal.Content aria-label={t("quick.label")}>
      <TextInput
        data-autofocus
        variant="unstyled"
        size="md"
        px={14}
        role="combobox"
        aria-label={t("quick.label")}
        aria-expanded
        aria-controls={`${id}-list`}
        aria-activedescendant={options.length ? `${id}-${chosen}` : undefined}
        placeholder={t("keys.search_all")}
        leftSection={<Icon name="search" />}
        value={text}
        onChange={(change) => {
          setText(change.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={press}
      />
      <Stack gap={0} style={{ borderTop: "1px solid var(--tp-border)" }}>
        {found.isError && wanted && (
          <div style={{ padding: 12 }}>
            <ErrorState error={found.error} />
          </div>
        )}
        {wanted && found.data?.items.length === 0 && (
          <Text fz="sm" c="dimmed" px={16} py={12} role="status">
            {t("quick.none", { text: wanted })}
          </Text>
        )}
        <div id={`${id}-list`} role="listbox" aria-label={t("quick.results")} style={{ maxHeight: "56vh", overflow: "auto", padding: 6 }}>
          {options.map((option, index) => (
            <div key={option.id} id={`${id}-${index}`} role="option" aria-selected={index === chosen} className="tp-option" onClick={option.choose} onMouseMove={() => index !== chosen && setAt(index)}>
              {option.content}
            </div>
          ))}
        </div>
      </Stack>
      </Modal.Content>
    </Modal.Root>
  );
}
