/** Choosing an app of any number: a few are on the page at once, typing finds the others. */
import { Select, type ComboboxItem, type SelectProps } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { appsQuery } from "../api/queries";
import { useText } from "../i18n";
import { foundOptions } from "./options-model";

/** How many apps stand in the list at once. */
const SHOWN = 60;
const MORE = "\u0000more";

interface AppSelectProps extends Pick<SelectProps, "label" | "w" | "size"> {
  value: string;
  change: (app: string) => void;
  /** Whether no app in particular can be chosen; it is "". */
  all?: boolean;
  /** Those to choose from, where it is not all of them. */
  apps?: readonly string[];
}

export function AppSelect({ value, change, all = false, apps, label, ...look }: AppSelectProps) {
  const { t } = useText();
  const read = useQuery({ ...appsQuery, enabled: apps === undefined }).data;
  const options = useMemo<ComboboxItem[]>(() => {
    const names = apps ?? (read ?? []).map((one) => one.app);
    return [...(all ? [{ value: "", label: t("live.all_apps") }] : []), ...names.map((name) => ({ value: name, label: name }))];
  }, [apps, read, all, t]);
  return (
    <Select
      {...look}
      {...(label ? { label } : { "aria-label": t("live.app") })}
      searchable
      allowDeselect={false}
      nothingFoundMessage={t("catalogue.none")}
      data={options}
      filter={({ search }) => {
        const { shown, left } = foundOptions(options, search, SHOWN);
        return left > 0 ? [...shown, { value: MORE, label: t("catalogue.more", { count: left }), disabled: true }] : shown;
      }}
      value={options.some((one) => one.value === value) ? value : null}
      onChange={(next) => change(next ?? "")}
    />
  );
}
