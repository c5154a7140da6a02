import { PageHead } from "../../components/states";

export function EditorPage() {
  return <PageHead title="" />;
}
