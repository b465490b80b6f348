/** Sentences of an advice in English, with places for values. */
const ENGLISH = {
  administrator: 'Administrators may dial and bind everything',
  allowed: '{type} is allowed by policy {policy}: {who} selects the identity, {what} the service',
  denied: '{type} is denied: no policy of type {type} selects both identity {identity} and service {service}',
  more: '{count} more policies of type {type} select one of the two',
  missIdentity: 'policy {policy} selects the service, but not the identity: {wants}, the identity {has}',
  missService: 'policy {policy} selects the identity, but not the service: {wants}, the service {has}',
  wants: 'it wants {semantic} {roles}',
  wantsNone: 'it selects none',
  has: 'has {attributes}',
  hasNone: 'has no attributes',
  hubsOnline: '{online} of {count} hubs that both may use are online',
  hubsOffline: 'none of the {count} hubs that both may use is online',
  noHub: 'there is no hub',
  noHubOfIdentity: 'no hub may be used: no edge router policy selects the identity and a hub',
  noHubOfService: 'no hub may be used: no service edge router policy selects the service and a hub',
  noHubOfBoth:
    'no hub may be used by both: {identity} by the identity, {service} for the service, none in common',
} as const

/** Which sentence an advice says. */
export type AdviceKey = keyof typeof ENGLISH

/** A sentence of an advice, for whoever says it in another language. */
export interface AdviceSentence {
  readonly says: AdviceKey
  /** What goes in its places; a part of a sentence may be one itself. */
  readonly values?: Readonly<Record<string, string | number | AdviceSentence>> | undefined
}

/** Every sentence there is. */
export const ADVICE_KEYS = Object.keys(ENGLISH) as readonly AdviceKey[]

/**
 * Say a sentence.
 *
 * @param words  gives the sentence of a key, with places in braces; English if absent
 */
export function sayAdvice(
  { says, values = {} }: AdviceSentence,
  words: (key: AdviceKey) => string = key => ENGLISH[key],
): string {
  return words(says).replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) return place
    return typeof value === 'object' ? sayAdvice(value, words) : String(value)
  })
}
