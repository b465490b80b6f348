import { readFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'

/** The built web page: one document, and the files it asks for. */
export interface PageFiles {
  /** The document, with `{{nonce}}` and `{{key}}` where those go. */
  readonly template: string
  /**
   * A file of the page.
   *
   * @param path  of the request: `/assets/main-4f2a.js`
   * @returns undefined if there is none of that name
   */
  read(path: string, takesBrotli: boolean): Promise<PageFile | undefined>
}

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly type: string
  readonly isBrotli: boolean
  /** Its name changes with what is in it. */
  readonly isLasting: boolean
}

/** Open the folder of a built page. @returns undefined if there is none */
export function openPageFiles(folder: string): PageFiles | undefined {
  let template: string
  try {
    template = readFileSync(join(folder, 'index.html'), 'utf8')
  } catch {
    return undefined
  }
  return {
    template,
    async read(path, takesBrotli) {
      const type = TYPES[extname(path)]
      if (type === undefined || !PLAIN_PATH.test(path)) return undefined
      const file = join(folder, path)
      const isLasting = path.startsWith('/assets/')
      if (takesBrotli) {
        const bytes = await readFile(`${file}.br`).catch(() => undefined)
        if (bytes !== undefined) return { bytes, type, isBrotli: true, isLasting }
      }
      if (!(await stat(file).catch(() => undefined))?.isFile()) return undefined
      return { bytes: await readFile(file), type, isBrotli: false, isLasting }
    },
  }
}

/** One folder at most, and no dot but within a name: nothing that could lead out of the folder. */
const PLAIN_PATH = /^\/(?:assets\/)?[\w-][\w.-]{0,127}$/
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
}
