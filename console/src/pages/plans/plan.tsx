import { PageHead } from "../../components/states";

export function PlanPage() {
  return <PageHead title="" />;
}
