import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshError } from '../../core/model/errors.ts'

/** Files of this program that whoever makes an app needs. */
export interface AppFiles {
  /** What `ztm/app` and `ztm/app/testing` are when a test runs, as paths. */
  readonly modules: { readonly app: string; readonly testing: string }
  /** What editors know them by, as text of declarations. */
  types(): Promise<{ readonly app: string; readonly testing: string }>
}

/**
 * Find them: in the source, or in the bundle, whose parts lie in a folder.
 *
 * @throws MeshError `unsupported` if they are not there
 */
export function findAppFiles(): AppFiles {
  const here = import.meta.dirname
  const source = join(here, '../..')
  if (existsSync(join(source, 'sdk/define-app.ts')))
    return {
      modules: { app: join(source, 'sdk/define-app.ts'), testing: join(source, 'testing/app-testing.ts') },
      types: () => readTypes(join(source, 'sdk'), 'ts'),
    }
  for (const folder of [here, dirname(here)])
    if (existsSync(join(folder, 'app-testing.mjs')))
      return {
        modules: { app: join(folder, 'app.mjs'), testing: join(folder, 'app-testing.mjs') },
        types: () => readTypes(join(folder, 'types/src/sdk'), 'd.ts'),
      }
  throw new MeshError('unsupported', 'Cannot make apps: files of ztm are missing: install it again')
}

async function readTypes(folder: string, ending: 'ts' | 'd.ts'): Promise<{ app: string; testing: string }> {
  const [app, testing] = await Promise.all(
    ['define-app', 'app-mesh'].map(async name => {
      const text = await readFile(join(folder, `${name}.${ending}`), 'utf8')
      // Of the one function there is, what a declaration has.
      return text.replace(/^export function (.+?) \{\n.*?\n\}/ms, 'export declare function $1')
    }),
  )
  return { app: app ?? '', testing: `${testing}${TESTING}` }
}

const TESTING = `
/** Make a mesh without endpoints. @param folder  of the app: \`import.meta.dirname\` */
export declare function createAppMesh(folder: string | URL): Promise<AppMesh>
`
