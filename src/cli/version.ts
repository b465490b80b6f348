import packageJson from '../../package.json' with { type: 'json' }

/** The version of this program, from package.json; a bundle has it inlined. */
export const VERSION: string = packageJson.version

/**
 * What `ztm --version` and `ztm version` print; undefined for any other command line. Answered before anything else
 * is loaded.
 */
export function versionText(typed: readonly string[]): string | undefined {
  if (typed.length !== 1) return undefined
  if (typed[0] === 'version') return longVersion()
  return typed[0] === '--version' || typed[0] === '-V' ? `ztm ${VERSION}` : undefined
}

/** The version, and what it runs on. */
export function longVersion(): string {
  return `ztm ${VERSION} (Node ${process.version}, ${process.platform}-${process.arch})`
}
