import type { Say } from '../texts/texts.ts'

/**
 * What an app asks for, in words of the page's language; of what the page does not know, the words of the agent.
 *
 * @param key  as `describeCapabilities` names it: `network:example.com:443`, `storage`
 */
export function capabilityWords(
  { key, says }: { readonly key: string; readonly says: string },
  say: Say,
): string {
  const at = key.indexOf(':')
  const [kind, what] = at === -1 ? [key, ''] : [key.slice(0, at), key.slice(at + 1)]
  if (kind === 'mesh-files' && (what === 'read' || what === 'write')) return say(`app.may.meshFiles.${what}`)
  if (what === '*' && (kind === 'dial' || kind === 'serve')) return say(`app.may.${kind}All`)
  const known = KINDS.find(one => one === kind)
  return known === undefined ? says : say(`app.may.${known}`, { what })
}

/** `KEY=VALUE` as a setting; numbers, `true` and `false` are what they say, all else is text. @returns undefined for no such line */
export function parseSetting(line: string): readonly [string, string | number | boolean] | undefined {
  const at = line.indexOf('=')
  if (at < 1) return undefined
  const [key, value] = [line.slice(0, at).trim(), line.slice(at + 1)]
  if (value === 'true' || value === 'false') return [key, value === 'true']
  return [key, /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value) ? Number(value) : value]
}

const KINDS = ['run', 'write', 'read', 'network', 'listen', 'dial', 'serve', 'storage'] as const
