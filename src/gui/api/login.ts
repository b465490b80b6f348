/**
 * The key of this browser's login, the half that cookies are not. The agent writes it into the document where it knows whose
 * browser it is; it is kept for this origin, so that the page can be opened again.
 */
export function readKey(): string {
  const written = writtenKey()
  if (written !== '') localStorage.setItem(KEY, written)
  return localStorage.getItem(KEY) ?? ''
}

/**
 * Log in with the agent's token, as `ztm gui -o json` gives it.
 *
 * @returns whether it was the right one
 */
export async function logIn(token: string): Promise<boolean> {
  const answer = await fetch('/login', { method: 'POST', headers: { authorization: `Bearer ${token}` } })
  if (!answer.ok) return false
  const { key }: { key?: unknown } = await answer.json()
  if (typeof key !== 'string') return false
  localStorage.setItem(KEY, key)
  return true
}

/** Log this browser out. */
export async function logOut(): Promise<void> {
  await fetch('/logout', { method: 'POST', headers: { [KEY_HEADER]: readKey() } })
  localStorage.removeItem(KEY)
}

/**
 * Begin anew after the agent said that the login is none: logins end with the agent that made them. The document that comes has
 * a key again if the agent knows whose browser it is, and asks for the token if not.
 *
 * @param wasGood  the key was good before. One that came with this very document and was never good is no reason to ask for another
 */
export function logInAgain(wasGood: boolean): void {
  if (!wasGood && writtenKey() !== '') return
  localStorage.removeItem(KEY)
  location.reload()
}

function writtenKey(): string {
  const written = document.querySelector<HTMLMetaElement>('meta[name=ztm-key]')?.content ?? ''
  // A page that is served by a development server has the placeholder still.
  return /^[\w-]{43}$/.test(written) ? written : ''
}

/** The header that carries the key. */
export const KEY_HEADER = 'ztm-key'
const KEY = 'ztm-key'
