import { open } from 'node:fs/promises'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import { fromNodeError } from '../net/node-error.ts'
import { openSecretFile, type SecretFile } from '../store/secret-file.ts'
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
 * Take the place of a secret before it is made: where it cannot be written, nothing is made that would be lost.
 *
 * @param word  the file as typed; undefined for none
 * @throws MeshError as `openSecretFile`
 */
export function openSecret(cli: Cli, word: string, what: string): Promise<SecretFile>
export function openSecret(cli: Cli, word: string | undefined, what: string): Promise<SecretFile | undefined>
export async function openSecret(cli: Cli, word: string | undefined, what: string) {
  return word === undefined ? undefined : await openSecretFile(pathOf(cli, word), what)
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
