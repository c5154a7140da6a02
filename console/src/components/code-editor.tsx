/** CodeMirror as a component: text out, markers in. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionSource } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { sql } from "@codemirror/lang-sql";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

export interface CodeEditorHandle {
  /** Put the cursor at a place (counted from 1) and look at it. */
  goTo: (line: number, column: number) => void;
  focus: () => void;
}

const ink = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "light-dark(#0b5394, #8ab4f8)" },
  { tag: tags.keyword, color: "light-dark(#5f3dc4, #b197fc)" },
  { tag: [tags.string, tags.special(tags.string)], color: "light-dark(#1e6b35, #8fd19e)" },
  { tag: [tags.number, tags.bool, tags.null], color: "light-dark(#9a3b00, #f0b27a)" },
  { tag: tags.comment, color: "light-dark(#5c646d, #98a0a9)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": { backgroundColor: "var(--tp-surface)", color: "var(--mantine-color-text)" },
  ".cm-content": { fontFamily: "var(--mantine-font-family-monospace)", padding: "10px 0", caretColor: "var(--mantine-color-text)" },
  ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)" },
  ".cm-gutters": { backgroundColor: "var(--tp-surface)", color: "var(--mantine-color-dimmed)", border: "none", paddingLeft: "4px" },
  ".cm-activeLine": { backgroundColor: "light-dark(#4263eb0d, #748ffc12)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--mantine-color-text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "light-dark(#d0d9ff, #36406b) !important" },
  ".cm-tooltip": { backgroundColor: "var(--tp-surface)", border: "1px solid var(--tp-border)", borderRadius: "6px", overflow: "hidden" },
  ".cm-tooltip-autocomplete ul li": { padding: "3px 8px", fontFamily: "var(--mantine-font-family-monospace)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "light-dark(#dbe4ff, #36406b)", color: "inherit" },
  ".cm-completionDetail": { color: "var(--mantine-color-dimmed)", fontStyle: "normal", fontSize: "12px" },
  ".cm-diagnostic": { padding: "6px 10px" },
  ".cm-panels": { backgroundColor: "var(--tp-hover)", color: "var(--mantine-color-text)" },
});

export interface CodeEditorProps {
  value: string;
  onChange?: (value: string) => void;
  language: "yaml" | "sql";
  label: string;
  minHeight?: number;
  maxHeight?: string;
  diagnostics?: readonly Diagnostic[];
  complete?: CompletionSource;
  /** What to show over a word (a dotted name) of the text; null: nothing. */
  hover?: (word: string, source: string) => Promise<HTMLElement | null>;
  /** Ctrl+Enter and Ctrl+S. */
  onSubmit?: () => void;
  readOnly?: boolean;
  handle?: Ref<CodeEditorHandle>;
}

export function CodeEditor({ value, onChange, language, label, minHeight = 200, maxHeight, diagnostics, complete, hover, onSubmit, readOnly = false, handle }: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const calls = useRef({ onChange, onSubmit, complete, hover });
  const dark = useComputedColorScheme("light") === "dark";
  const scheme = useRef(new Compartment());
  useEffect(() => {
    calls.current = { onChange, onSubmit, complete, hover };
  });

  useEffect(() => {
    if (!place.current) return undefined;
    const submit = () => {
      calls.current.onSubmit?.();
      return true;
    };
    const extensions: Extension[] = [
      lineNumbers(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      bracketMatching(),
      closeBrackets(),
      highlightSelectionMatches(),
      indentUnit.of("  "),
      EditorState.tabSize.of(2),
      EditorView.lineWrapping,
      syntaxHighlighting(ink),
      look,
      scheme.current.of(EditorView.darkTheme.of(false)),
      language === "yaml" ? yaml() : sql(),
      lintGutter(),
      language === "yaml"
        ? autocompletion({ override: [(context) => calls.current.complete?.(context) ?? null] })
        : autocompletion(),
      hoverTooltip(async (view, at) => {
        const line = view.state.doc.lineAt(at);
        const before = /[\w.$]*$/.exec(line.text.slice(0, at - line.from))?.[0] ?? "";
        const after = /^[\w$]*/.exec(line.text.slice(at - line.from))?.[0] ?? "";
        const word = before + after;
        const card = word && (await calls.current.hover?.(word, view.state.doc.toString()));
        return card ? { pos: at - before.length, end: at + after.length, above: true, create: () => ({ dom: card }) } : null;
      }),
      keymap.of([
        { key: "Mod-Enter", run: submit },
        { key: "Mod-s", run: submit, preventDefault: true },
        ...closeBracketsKeymap,
        ...completionKeymap,
        ...lintKeymap,
        ...searchKeymap,
        ...historyKeymap,
        // Escape, then Tab, leaves the editor: CodeMirror's way out for the keyboard.
        indentWithTab,
        ...defaultKeymap,
      ]),
      EditorState.readOnly.of(readOnly),
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) calls.current.onChange?.(update.state.doc.toString());
      }),
    ];
    const made = new EditorView({ parent: place.current, state: EditorState.create({ doc: value, extensions }) });
    made.scrollDOM.tabIndex = 0;
    view.current = made;
    return () => {
      made.destroy();
      view.current = undefined;
    };
    // The text is the editor's own once it is made; changes from outside come in below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [language, readOnly, label]);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    view.current?.dispatch({ effects: scheme.current.reconfigure(EditorView.darkTheme.of(dark)) });
  }, [dark]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || !diagnostics) return; // marks that stand move with the text until the next check
    const end = editor.state.doc.length;
    const kept = diagnostics.map((one) => ({ ...one, from: Math.min(one.from, end), to: Math.min(one.to, end) }));
    editor.dispatch(setDiagnostics(editor.state, kept));
  }, [diagnostics]);

  useImperativeHandle(handle, () => ({
    goTo: (line, column) => {
      const editor = view.current;
      if (!editor) return;
      const at = editor.state.doc.line(Math.min(Math.max(1, line), editor.state.doc.lines));
      const anchor = Math.min(at.from + Math.max(0, column - 1), at.to);
      editor.dispatch({ selection: { anchor }, scrollIntoView: true });
      editor.focus();
    },
    focus: () => view.current?.focus(),
  }));

  return <div ref={place} className="tp-editor" style={{ ["--tp-min" as string]: `${minHeight}px`, ["--tp-max" as string]: maxHeight ?? "none" }} />;
}
