/** The keys there are. */
import { Kbd, Modal, SimpleGrid, Text } from "@mantine/core";
import { useText, type MessageId } from "../i18n";
import { PLACES } from "./places";

const EVERYWHERE: readonly [keys: readonly string[], means: MessageId][] = [
  [["/"], "keys.search"],
  [["Ctrl", "K"], "keys.search_all"],
  [["?"], "keys.help"],
];
const LISTS: readonly [keys: readonly string[], means: MessageId][] = [
  [["j", "k"], "keys.move"],
  [["Enter"], "keys.open"],
  [["e"], "keys.edit"],
  [["x"], "keys.choose"],
];

export function KeysDialog({ close }: { close: () => void }) {
  const { t } = useText();
  return (
    <Modal opened onClose={close} size={640} title={<Text fw={650}>{t("keys.title")}</Text>} closeButtonProps={{ "aria-label": t("action.close") }}>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xl">
        <div>
          <Keys title={t("keys.everywhere")} rows={EVERYWHERE.map(([keys, means]) => [keys, t(means)])} />
          <Keys title={t("keys.list")} rows={LISTS.map(([keys, means]) => [keys, t(means)])} />
        </div>
        <Keys title={t("keys.go")} rows={PLACES.map((place) => [["g", place.key], t(place.label)])} />
      </SimpleGrid>
    </Modal>
  );
}

function Keys({ title, rows }: { title: string; rows: readonly (readonly [keys: readonly string[], means: string])[] }) {
  return (
    <section aria-label={title} style={{ marginBottom: 18 }}>
      <Text fz="xs" fw={650} c="dimmed" mb={6}>
        {title}
      </Text>
      <dl className="tp-keys">
        {rows.map(([keys, means]) => (
          <div key={means}>
            <dt>
              {keys.map((key) => (
                <Kbd key={key} size="xs">
                  {key}
                </Kbd>
              ))}
            </dt>
            <dd>{means}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
