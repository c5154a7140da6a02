import { PageHead } from "../../components/states";

export function EventPage() {
  return <PageHead title="" />;
}
