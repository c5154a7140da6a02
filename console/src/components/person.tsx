/** People and owners: initials in a colour of their own, the same everywhere. */
import { Avatar, Group, Text, Tooltip } from "@mantine/core";

const TONES = ["indigo", "teal", "grape", "orange", "cyan", "pink", "green", "violet"] as const;

/** A colour for a name: always the same one. */
export function toneOf(name: string): (typeof TONES)[number] {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 9_973;
  return TONES[hash % TONES.length] ?? "indigo";
}

/** What stands for a name in a circle: two letters, or the last character of a Chinese name. */
export function initialsOf(name: string): string {
  const bare = name.replace(/^(person|team):/, "");
  if (/[\u4e00-\u9fff]$/.test(bare)) return bare.slice(-1);
  const words = bare.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => word[0]) : Array.from(words[0] ?? "?").slice(0, 2);
  return letters.join("").toUpperCase();
}

const bareName = (name: string): string => name.replace(/^(person|team):/, "");

export function PersonMark({ name, size = 22 }: { name: string; size?: number }) {
  const tone = toneOf(bareName(name));
  return (
    <Avatar size={size} radius={name.startsWith("team:") ? "sm" : "xl"} aria-hidden="true" styles={{ placeholder: { background: `light-dark(var(--mantine-color-${tone}-1), color-mix(in srgb, var(--mantine-color-${tone}-9) 55%, transparent))`, color: `light-dark(color-mix(in srgb, var(--mantine-color-${tone}-9) 70%, black), var(--mantine-color-${tone}-1))`, fontSize: size * 0.42, fontWeight: 650 } }}>
      {initialsOf(name)}
    </Avatar>
  );
}

/** A person or a team (`team:pay`), by mark and name. */
export function Person({ name, size = 22, strong = false }: { name: string; size?: number; strong?: boolean }) {
  return (
    <Group gap={6} wrap="nowrap" display="inline-flex" style={{ verticalAlign: "middle", minWidth: 0 }}>
      <PersonMark name={name} size={size} />
      <Text span fz="sm" fw={strong ? 600 : 400} truncate>
        {bareName(name)}
      </Text>
    </Group>
  );
}

/** Several people as overlapping marks; their names when pointed at. */
export function People({ names, most = 4 }: { names: readonly string[]; most?: number }) {
  if (!names.length) return null;
  return (
    <Tooltip label={names.map(bareName).join(", ")}>
      <Avatar.Group spacing={3} role="img" aria-label={names.map(bareName).join(", ")}>
        {names.slice(0, most).map((name) => (
          <PersonMark key={name} name={name} />
        ))}
        {names.length > most && (
          <Avatar size={22} styles={{ placeholder: { fontSize: 10, color: "var(--mantine-color-text)" } }}>
            +{names.length - most}
          </Avatar>
        )}
      </Avatar.Group>
    </Tooltip>
  );
}
