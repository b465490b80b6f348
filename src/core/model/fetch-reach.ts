/**
 * Where documents of strangers may be fetched from: `public` is the internet alone, `site` also private networks,
 * `computer` also this computer. Link-local addresses are never asked: there, clouds hand out the secrets of a machine.
 */
export type FetchReach = (typeof FETCH_REACHES)[number]

/** The reaches there are, the narrowest first. */
export const FETCH_REACHES = ['public', 'site', 'computer'] as const
