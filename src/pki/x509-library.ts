/** The library that writes certificates and signing requests. */
export type X509Library = typeof import('@peculiar/x509')

/**
 * Load the library when it is first needed: it takes 90 ms that a command which makes no certificate need not spend.
 *
 * Its dependency injection (tsyringe) refuses to load unless `Reflect` has the metadata functions of an abandoned
 * proposal. It asks them for constructor arguments only, and none of the library's classes has any, so answering
 * "none" while it loads is enough; afterwards `Reflect` is as it was.
 *
 * @see the library's README, "Reflect Polyfill Required"
 */
export async function loadX509(): Promise<X509Library> {
  if ('getMetadata' in Reflect) return import('@peculiar/x509')
  const none = () => undefined
  Object.assign(Reflect, { getMetadata: none, getOwnMetadata: none, defineMetadata: none })
  try {
    return await import('@peculiar/x509')
  } finally {
    for (const name of ['getMetadata', 'getOwnMetadata', 'defineMetadata'])
      Reflect.deleteProperty(Reflect, name)
  }
}
