/** A screenshot: uploaded ones need the token, so they are fetched and shown as a blob; others are links. */
import { Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { screenshotQuery } from "../api/screenshots";
import { useText } from "../i18n";

export function Picture({ app, name, alt, large = false }: { app: string; name: string; alt: string; large?: boolean }) {
  const { t } = useText();
  const uploaded = name.startsWith("sha256:");
  const found = useQuery({ ...screenshotQuery(app, name), enabled: uploaded });
  const [url, setUrl] = useState("");
  useEffect(() => {
    if (!found.data) return undefined;
    const made = URL.createObjectURL(found.data);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [found.data]);
  if (!uploaded)
    return large ? (
      <a className="tp-link" href={name} target="_blank" rel="noreferrer noopener">
        {name}
      </a>
    ) : (
      <Text fz="xs" p={10} style={{ overflowWrap: "anywhere" }}>
        {name}
      </Text>
    );
  if (found.isError)
    return (
      <Text fz="xs" c="dimmed" p={10}>
        {t("screenshot.gone")}
      </Text>
    );
  if (!url) return <Skeleton height={large ? 400 : 110} />;
  return <img src={url} alt={alt} style={large ? { maxWidth: "100%", display: "block", margin: "0 auto" } : { width: "100%", height: 120, objectFit: "cover", objectPosition: "top", display: "block" }} />;
}
