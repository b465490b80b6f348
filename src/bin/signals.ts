/** Resolves when the process is asked to end: SIGTERM, SIGINT, or `tell`. */
export function onceToldToStop(): { readonly told: Promise<void>; tell(): void } {
  let tell = () => {}
  const told = new Promise<void>(resolve => {
    tell = resolve
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // A second signal means: now.
    process.once(signal, () => {
      process.once(signal, () => process.exit(130))
      tell()
    })
  }
  return { told, tell: () => tell() }
}
