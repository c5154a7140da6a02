import { Link } from "@tanstack/react-router";
import { Empty, PageHead } from "../components/states";
import { useText } from "../i18n";

export function NotFound() {
  const { t } = useText();
  return (
    <>
      <PageHead title={t("notfound.title")} />
      <Empty title={t("notfound.about")} action={<Link to="/" className="tp-link">{t("nav.home")}</Link>} />
    </>
  );
}
