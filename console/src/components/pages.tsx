/** Back and forth through cursors. */
import { Button, Group } from "@mantine/core";
import { useText } from "../i18n";

export function Pages({ trail, next, go }: { trail: readonly string[]; next: string | null | undefined; go: (trail: readonly string[]) => void }) {
  const { t } = useText();
  if (!trail.length && !next) return null;
  return (
    <Group justify="flex-end" px={16} py={10} gap="xs">
      <Button size="xs" variant="default" disabled={!trail.length} onClick={() => go(trail.slice(0, -1))}>
        {t("page.previous")}
      </Button>
      <Button size="xs" variant="default" disabled={!next} onClick={() => next && go([...trail, next])}>
        {t("page.next")}
      </Button>
    </Group>
  );
}
