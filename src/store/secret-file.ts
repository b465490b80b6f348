import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import { PRIVATE_MODE } from './private-file.ts'
import { storageError } from './storage-error.ts'

/** The place of a secret that is about to be made: that it can be written is known before. Leaves nothing if disposed unwritten. */
export interface SecretFile extends AsyncDisposable {
  /** Put the text there, with one line feed at its end. @throws MeshError as `openSecretFile` */
  write(text: string): Promise<void>
}

/**
 * Take the place of a file that its owner alone may read, mode 0600.
 *
 * A file that is there is replaced when the text is written, and so is a link: whoever made it, or has it open, could read
 * what is written into it, or have it written elsewhere. What cannot be replaced (a pipe, a terminal) is written to.
 *
 * @param path  absolute, or of the working folder
 * @param what  for messages: `permit`
 * @param owner  whose it is to be; default whoever runs this
 * @throws MeshError `not-found` if there is no such folder, `bad-input` for a folder, `not-permitted`, `storage-full`, `storage-failed`
 */
export async function openSecretFile(
  path: string,
  what: string,
  owner: { readonly uid?: number; readonly gid?: number } = {},
): Promise<SecretFile> {
  const action = `Cannot write ${what} to ${quote(path, 300)}`
  const told = (thrown: unknown) => tell(action, path, thrown)
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory()) throw new MeshError('bad-input', `${action}: it is a folder: name a file in it`)
  if (found !== undefined && !found.isFile()) {
    return {
      write: text => writeFile(path, formatText(text)).catch(thrown => Promise.reject(told(thrown))),
      async [Symbol.asyncDispose]() {},
    }
  }
  const draft = `${path}.${randomUUID()}.new`
  const file = await open(draft, 'wx', PRIVATE_MODE).catch(thrown => Promise.reject(told(thrown)))
  let isDone = false
  return {
    async write(text) {
      try {
        await fill(file, text, owner)
        await rename(draft, path)
        isDone = true
      } catch (thrown) {
        throw told(thrown)
      }
    },
    async [Symbol.asyncDispose]() {
      await file.close()
      if (!isDone) await rm(draft, { force: true })
    },
  }
}

async function fill(
  file: FileHandle,
  text: string,
  { uid, gid }: { readonly uid?: number; readonly gid?: number },
): Promise<void> {
  await file.writeFile(formatText(text))
  // Under `sudo` it is for the person who typed it.
  if (uid !== undefined && gid !== undefined && uid !== process.getuid?.()) await file.chown(uid, gid)
}

function tell(action: string, path: string, thrown: unknown): MeshError {
  const code = (thrown as { code?: unknown } | null)?.code
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return storageError(action, thrown, dirname(path))
  const state = `there is no folder ${quote(dirname(path), 300)}: make it first`
  return new MeshError('not-found', `${action}: ${state}`, { cause: thrown })
}

function formatText(text: string): string {
  return `${text.trimEnd()}\n`
}
