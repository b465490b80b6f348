import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import { fromNodeError } from '../net/node-error.ts'
import { type Cli, pathOf } from './context.ts'

/**
 * The text of a file named on the command line, `-` for standard input.
 *
 * @param what  for messages: `permit`
 * @param maxBytes  default 64 KiB
 * @throws MeshError `not-found`, `not-permitted`, `too-large`, `bad-input` if it is empty
 */
export async function readInput(
  cli: Cli,
  word: string,
  what: string,
  maxBytes = MAX_INPUT_BYTES,
): Promise<string> {
  const where = word === '-' ? `${what} from standard input` : `${what} ${quote(word, 300)}`
  const text =
    word === '-' ? await cli.world.readStdin(maxBytes) : await readSmallFile(cli, word, where, maxBytes)
  if (text.trim() === '') throw new MeshError('bad-input', `Cannot read ${where}: it is empty`)
  return text
}

/** A permit: a file, `-` for standard input, or the `ztm://` link itself. @throws MeshError as `readInput` */
export async function readPermitText(cli: Cli, word: string): Promise<string> {
  return word.startsWith('ztm:') ? word : await readInput(cli, word, 'permit')
}

/**
 * Write a text that only its owner may read, with one line feed at its end, mode 0600 also if the file was there before.
 *
 * @param owner  whose it is to be; default whoever runs this
 * @throws MeshError `not-permitted`, `storage-full`, `not-found` if there is no such folder
 */
export async function writePrivate(
  cli: Cli,
  word: string,
  text: string,
  owner: { readonly uid?: number; readonly gid?: number } = {},
): Promise<void> {
  const path = pathOf(cli, word)
  let file: FileHandle | undefined
  try {
    file = await open(path, 'w', 0o600)
    await file.chmod(0o600)
    // Under `sudo` it is for the person who typed it.
    if (owner.uid !== undefined && owner.gid !== undefined && owner.uid !== process.getuid?.()) {
      await file.chown(owner.uid, owner.gid)
    }
    await writeFile(file, `${text.trimEnd()}\n`)
  } catch (thrown) {
    throw fromNodeError(thrown, `Cannot write ${quote(word, 300)}`)
  } finally {
    await file?.close()
  }
}

async function readSmallFile(cli: Cli, word: string, where: string, maxBytes: number): Promise<string> {
  try {
    await using file = await open(pathOf(cli, word), 'r')
    if ((await file.stat()).size > maxBytes) {
      throw new MeshError('too-large', `Cannot read ${where}: over ${maxBytes} bytes: is it the right file?`)
    }
    return await file.readFile('utf8')
  } catch (thrown) {
    throw fromNodeError(thrown, `Cannot read ${where}`)
  }
}

const MAX_INPUT_BYTES = 65_536
