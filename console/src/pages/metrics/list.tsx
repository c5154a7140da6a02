import { PageHead } from "../../components/states";

export function MetricsPage() {
  return <PageHead title="" />;
}
