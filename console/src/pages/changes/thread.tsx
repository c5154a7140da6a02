/** Threads of comments, wherever they hang: read, answer, mend, resolve. */
import { ActionIcon, Badge, Button, Group, Stack, Text, Textarea, Tooltip } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";
import type { Change, Comment } from "../../api/review";
import { sessionQuery } from "../../api/queries";
import { addComment, changeKey, editComment, readComments } from "../../api/queries-review";
import { Icon } from "../../components/icons";
import { PersonMark } from "../../components/person";
import { ErrorState } from "../../components/states";
import { ago, moment } from "../../format";
import { useText } from "../../i18n";
import { allowedOf, type Thread } from "./model";

export interface Anchor {
  event: string;
  property: string;
}

export function ThreadBox({ change, thread, place }: { change: Change; thread: Thread; place?: ReactNode }) {
  const { t, locale } = useText();
  const cache = useQueryClient();
  const [answering, setAnswering] = useState(false);
  const [folded, setFolded] = useState(thread.resolved);
  const resolve = useMutation({
    mutationFn: (resolved: boolean) => editComment(change.id, thread.root.n, { resolved }),
    onSuccess: async (_, resolved) => {
      await cache.invalidateQueries({ queryKey: changeKey(change.id) });
      setFolded(resolved);
    },
  });
  // What was shown for a moment has been read.
  const unread = Math.max(0, ...[thread.root, ...thread.replies].filter((comment) => comment.unread).map((comment) => comment.n));
  useEffect(() => {
    if (!unread || folded) return undefined;
    const timer = setTimeout(() => void readComments(change.id, unread).then(() => cache.invalidateQueries({ queryKey: ["changes"] })).catch(() => undefined), 2_000);
    return () => clearTimeout(timer);
  }, [unread, folded, change.id, cache]);
  const may = allowedOf(change, "comment").allowed;
  return (
    <article className="tp-thread" data-unread={thread.unread || undefined} aria-label={t("thread.by", { by: thread.root.author })}>
      {(place ?? thread.resolved) && (
        <Group px={14} py={7} justify="space-between" gap="xs" style={{ borderBottom: folded ? undefined : "1px solid var(--tp-border)" }}>
          <Group gap={8}>
            {place}
            {thread.resolved && (
              <Badge variant="outline" color="teal" c="var(--mantine-color-text)" leftSection={<Icon name="check" size={12} />}>
                {t("thread.resolved", { by: thread.root.resolved_by ?? "" })}
              </Badge>
            )}
          </Group>
          {thread.resolved && (
            <Button size="compact-xs" variant="subtle" onClick={() => setFolded(!folded)} aria-expanded={!folded}>
              {folded ? t("thread.unfold", { count: thread.replies.length + 1 }) : t("thread.fold")}
            </Button>
          )}
        </Group>
      )}
      {!folded && (
        <>
          {[thread.root, ...thread.replies].map((comment) => (
            <CommentBox key={comment.n} change={change} comment={comment} />
          ))}
          {may && (
            <div style={{ padding: "8px 14px 12px", borderTop: "1px solid var(--tp-border)" }}>
              {answering ? (
                <WriteBox change={change} anchor={thread.root} replyTo={thread.root.n} done={() => setAnswering(false)} />
              ) : (
                <Group gap="xs">
                  <Button size="compact-sm" variant="default" onClick={() => setAnswering(true)}>
                    {t("thread.answer")}
                  </Button>
                  <Button size="compact-sm" variant="subtle" loading={resolve.isPending} onClick={() => resolve.mutate(!thread.resolved)}>
                    {thread.resolved ? t("thread.reopen") : t("thread.resolve")}
                  </Button>
                </Group>
              )}
              {resolve.isError && <ErrorState error={resolve.error} />}
            </div>
          )}
        </>
      )}
      <span hidden>{moment(thread.root.at, locale)}</span>
    </article>
  );
}

function CommentBox({ change, comment }: { change: Change; comment: Comment }) {
  const { t, locale } = useText();
  const person = useQuery(sessionQuery).data?.person;
  const [editing, setEditing] = useState(false);
  return (
    <div className="tp-comment">
      <PersonMark name={comment.author} size={26} />
      <div style={{ minWidth: 0 }}>
        <Group gap={8} justify="space-between" wrap="nowrap">
          <Group gap={8}>
            <Text fz="sm" fw={650}>
              {comment.author}
            </Text>
            <Text fz="xs" c="dimmed" title={moment(comment.at, locale)}>
              {ago(comment.at, locale)}
              {comment.edited_at !== null && ` · ${t("thread.edited")}`}
            </Text>
            {comment.unread && (
              <Badge size="xs" color="indigo">
                {t("thread.new")}
              </Badge>
            )}
          </Group>
          {comment.author === person && !editing && (
            <Tooltip label={t("thread.edit")}>
              <ActionIcon size="sm" variant="subtle" color="gray" c="dimmed" aria-label={t("thread.edit")} onClick={() => setEditing(true)}>
                <Icon name="edit" size={14} />
              </ActionIcon>
            </Tooltip>
          )}
        </Group>
        {editing ? <WriteBox change={change} anchor={comment} editing={comment} done={() => setEditing(false)} /> : <p className="tp-prose">{comment.text}</p>}
      </div>
    </div>
  );
}

interface WriteBoxProps {
  change: Change;
  anchor: Anchor;
  replyTo?: number;
  /** The comment to be mended; without it a new one is made. */
  editing?: Comment;
  done: () => void;
  label?: string;
}

export function WriteBox({ change, anchor, replyTo, editing, done, label }: WriteBoxProps) {
  const { t } = useText();
  const cache = useQueryClient();
  const [text, setText] = useState(editing?.text ?? "");
  const place = useRef<HTMLTextAreaElement>(null);
  useEffect(() => place.current?.focus({ preventScroll: true }), []);
  const send = useMutation({
    mutationFn: async (): Promise<unknown> =>
      editing ? editComment(change.id, editing.n, { text: text.trim() }) : addComment(change.id, { text: text.trim(), event: anchor.event, property: anchor.property, reply_to: replyTo ?? null }),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: changeKey(change.id) });
      setText("");
      done();
    },
  });
  const submit = () => {
    if (text.trim() && !send.isPending) send.mutate();
  };
  return (
    <Stack gap={8}>
      <Textarea
        ref={place}
        aria-label={label ?? t("thread.write")}
        placeholder={t("thread.write.hint")}
        autosize
        minRows={2}
        maxRows={14}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(press) => {
          if (press.key === "Enter" && (press.ctrlKey || press.metaKey)) submit();
          if (press.key === "Escape" && !text.trim()) done();
        }}
      />
      {send.isError && <ErrorState error={send.error} />}
      <Group gap="xs">
        <Button size="xs" onClick={submit} loading={send.isPending} disabled={!text.trim()}>
          {editing ? t("thread.keep") : replyTo === undefined ? t("thread.comment") : t("thread.answer")}
        </Button>
        <Button size="xs" variant="default" onClick={done}>
          {t("action.cancel")}
        </Button>
      </Group>
    </Stack>
  );
}
