/** The console: languages, theme, data and the way between pages. */
import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { ApiError } from "./api/client";
import { router } from "./router";
import { useHeld } from "./session";
import { SignIn } from "./shell/sign-in";
import { cssVariables, theme } from "./theme";

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: false,
      // What the API refused it will refuse again; what the network lost may come.
      retry: (failures, error) => failures < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
      retryDelay: (attempt) => 300 * 2 ** attempt,
    },
    mutations: { retry: false },
  },
});

export function App() {
  return (
    <I18nProvider i18n={i18n}>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <QueryClientProvider client={cache}>
          <Entrance />
        </QueryClientProvider>
      </MantineProvider>
    </I18nProvider>
  );
}

function Entrance() {
  const { token } = useHeld();
  return token ? <RouterProvider router={router} key={token} /> : <SignIn />;
}
