import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What differs from the plainest of apps: more members of `app.json`, and more files. */
export interface AppFolderOptions {
  readonly name?: string
  readonly manifest?: object
  /** Text by path. */
  readonly files?: Readonly<Record<string, string>>
}

/** Write an app to a folder, in place of the one that may be there. @returns the folder */
export function writeAppFolder(folder: string, version: string, options: AppFolderOptions = {}): string {
  const { name = 'notes', manifest = {}, files = {} } = options
  const all = {
    'app.json': JSON.stringify({ name, version, entry: 'app.js', ...manifest }),
    'app.js': `export default { version: '${version}' }\n`,
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}
