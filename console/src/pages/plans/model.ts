/** Files of two revisions; pure. */
export interface ChangedFile {
  path: string;
  before: string;
  after: string;
}

/** The files that differ, by path; one that is not there is empty. */
export function changedFiles(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): ChangedFile[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((path) => ({ path, before: before[path] ?? "", after: after[path] ?? "" }))
    .filter((file) => file.before !== file.after);
}
