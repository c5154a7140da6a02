import { PageHead } from "../../components/states";

export function LibraryPage() {
  return <PageHead title="" />;
}
