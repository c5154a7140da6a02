/** Two texts beside each other with their differences marked. */
import { yaml } from "@codemirror/lang-yaml";
import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { SimpleGrid, Text } from "@mantine/core";
import { useEffect, useRef } from "react";

export function SideBySide({ left, right }: { left: { title: string; text: string }; right: { title: string; text: string } }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!place.current) return undefined;
    const side = (label: string, doc: string) => ({
      doc,
      extensions: [yaml(), lineNumbers(), EditorView.lineWrapping, EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" })],
    });
    const made = new MergeView({ parent: place.current, a: side(left.title, left.text), b: side(right.title, right.text), gutter: true });
    return () => made.destroy();
  }, [left.title, left.text, right.title, right.text]);
  return (
    <div>
      <SimpleGrid cols={2} mb={6} spacing={0}>
        <Text fz="sm" fw={600}>
          {left.title}
        </Text>
        <Text fz="sm" fw={600}>
          {right.title}
        </Text>
      </SimpleGrid>
      <div ref={place} className="tp-editor tp-merge" />
    </div>
  );
}
