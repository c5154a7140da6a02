import { PageHead } from "../../components/states";

export function PlansPage() {
  return <PageHead title="" />;
}
