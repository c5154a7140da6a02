/** A fact with its name, and words where one is missing. */
import { Text } from "@mantine/core";
import type { ReactNode } from "react";

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Missing({ children }: { children: ReactNode }) {
  return (
    <Text fz="sm" c="dimmed" fs="italic">
      {children}
    </Text>
  );
}
