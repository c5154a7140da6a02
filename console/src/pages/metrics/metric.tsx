import { PageHead } from "../../components/states";

export function MetricPage() {
  return <PageHead title="" />;
}
