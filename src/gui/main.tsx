import '@mantine/core/styles.css'
import { type CSSVariablesResolver, createTheme, MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { z } from 'zod'
import { isUnanswered } from './api/call.ts'
import { readKey } from './api/login.ts'
import { LoginPage } from './pages/login-page.tsx'
import { router } from './router.tsx'
import { createSay, firstLanguage, type Language, rememberLanguage, TextsContext } from './texts/texts.ts'

// The page's policy lets nothing make code out of text, and zod would try.
z.config({ jitless: true })
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What another try would not change is shown at once.
      retry: (count, error) => count < 2 && isUnanswered(error),
      staleTime: 1_000,
    },
  },
})
// Darker than the usual blue: its text is to be read by everybody, on white and in white.
const theme = createTheme({
  primaryColor: 'blue',
  primaryShade: { light: 9, dark: 8 },
  respectReducedMotion: true,
  // Without: it would write a style of its own into the document.
  components: { Modal: { defaultProps: { lockScroll: false } } },
})
const resolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#495057',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-placeholder': '#5c636a',
  },
  dark: {
    '--mantine-color-dimmed': '#ced4da',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-placeholder': '#adb5bd',
  },
})
const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''

function Root() {
  const [language, setLanguage] = useState<Language>(firstLanguage)
  const [hasKey, setHasKey] = useState(() => readKey() !== '')
  document.documentElement.lang = language
  const texts = {
    language,
    say: createSay(language),
    setLanguage(chosen: Language) {
      rememberLanguage(chosen)
      setLanguage(chosen)
    },
  }
  return (
    <TextsContext value={texts}>
      <MantineProvider
        theme={theme}
        defaultColorScheme="auto"
        cssVariablesResolver={resolver}
        getStyleNonce={() => nonce}
      >
        <QueryClientProvider client={queries}>
          {hasKey ? <RouterProvider router={router} /> : <LoginPage onDone={() => setHasKey(true)} />}
        </QueryClientProvider>
      </MantineProvider>
    </TextsContext>
  )
}

const place = document.getElementById('page')
if (place !== null)
  createRoot(place).render(
    <StrictMode>
      <Root />
    </StrictMode>,
  )

// It says in plain words when the agent does not answer, and keeps nothing. Where there is none the page does all else.
if ('serviceWorker' in navigator) void navigator.serviceWorker.register('/sw.js').catch(() => {})
