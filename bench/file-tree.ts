import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Make a tree of small files, 1 to 4 KiB of random bytes each, spread over 20 folders. */
export async function makeTree(folder: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const inner = join(folder, String(index % 20))
    if (index < 20) await mkdir(inner, { recursive: true })
    await writeFile(join(inner, String(index)), randomBytes(1_024 + ((index * 7_919) % 3_072)))
  }
}

/** Make a file of so many random bytes. */
export async function makeLargeFile(path: string, byteCount: number): Promise<void> {
  const file = createWriteStream(path)
  for (let left = byteCount; left > 0; left -= 1_000_000)
    if (!file.write(randomBytes(Math.min(left, 1_000_000)))) await once(file, 'drain')
  file.end()
  await once(file, 'close')
}
