import { createContext, use } from 'react'
import { EN, type TextKey } from './en.ts'
import { visibleName } from './visible-name.ts'
import { ZH } from './zh.ts'

/** A language of the page. */
export type Language = 'en' | 'zh'

/** The names of the languages, each in itself. */
export const LANGUAGES: Readonly<Record<Language, string>> = { en: 'English', zh: '中文' }

/** Gives a text in the language of the page, with `{name}` filled in. */
export type Say = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string

/** What the page says, and in which language; set at its root. */
export const TextsContext = createContext<{
  readonly language: Language
  readonly say: Say
  setLanguage(language: Language): void
}>({ language: 'en', say: key => key, setLanguage() {} })

/** The texts, for a part of the page. */
export function useTexts() {
  return use(TextsContext)
}

/**
 * Make the function that says things in a language; of what is filled in, nothing is invisible. What there is no text for is said
 * as it is: a state that only a newer agent knows is no reason to show nothing.
 */
export function createSay(language: Language): Say {
  const texts: Readonly<Record<string, string>> = language === 'zh' ? ZH : EN
  return (key, values = {}) =>
    (Object.hasOwn(texts, key) ? (texts[key] ?? '') : visibleName(key)).replace(
      /\{(\w+)\}/g,
      (whole, name: string) => visibleName(String(values[name] ?? whole)),
    )
}

/** The language that was chosen before, or the browser's. */
export function firstLanguage(): Language {
  const chosen = localStorage.getItem(KEY)
  if (chosen === 'en' || chosen === 'zh') return chosen
  return navigator.language.startsWith('zh') ? 'zh' : 'en'
}

/** Remember what was chosen. */
export function rememberLanguage(language: Language): void {
  localStorage.setItem(KEY, language)
}

const KEY = 'ztm-language'
