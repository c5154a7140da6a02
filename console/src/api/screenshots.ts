/** Pictures: sent as base64, read with the token. */
import { queryOptions } from "@tanstack/react-query";
import { api, ApiError, data } from "./client";
import type { Screenshot } from "./design";

/** 10 MB: what the server takes. */
export const MOST_BYTES = 10 * 1024 * 1024;

export async function uploadScreenshot(app: string, file: File): Promise<Screenshot> {
  if (file.size > MOST_BYTES) throw new ApiError({ status: 413, code: "too_large", detail: `${file.name}: ${(file.size / 1024 / 1024).toFixed(1)} MB > 10 MB` });
  return data(api.POST("/api/v1/apps/{app}/screenshots", { params: { path: { app } }, body: { content: await base64(file), label: file.name.slice(0, 200) } }));
}

/** A file's bytes as base64. */
function base64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(typeof reader.result === "string" ? reader.result.slice(reader.result.indexOf(",") + 1) : "");
    reader.onerror = () => reject(reader.error ?? new Error("the file cannot be read"));
    reader.readAsDataURL(file);
  });
}

export const screenshotQuery = (app: string, name: string) =>
  queryOptions({
    queryKey: ["screenshot", app, name],
    queryFn: ({ signal }) => data(api.GET("/api/v1/apps/{app}/screenshots/{name}", { params: { path: { app, name } }, parseAs: "blob", signal })),
    staleTime: Infinity, // named by its content: it never changes
    retry: false,
  });
