import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { invalidConfig } from './ztm-error.ts'

/** A certificate login, as enrolment leaves it in a file. */
export interface IdentityFile {
  /** Leaf first. */
  readonly certificatePem: string
  /** Secret. */
  readonly privateKeyPem: string
  /** Root of the mesh. */
  readonly caPem: string | undefined
  readonly controllerUrl: string | undefined
}

const parts = { cert: z.string().min(1), key: z.string().min(1), ca: z.string().min(1).optional() }
const fileShape = z.union([
  z.object({ id: z.object(parts), controllerUrl: z.string().optional(), ztAPI: z.string().optional() }),
  z.object({ ...parts, controllerUrl: z.string().optional(), ztAPI: z.string().optional() }),
])

/**
 * Read an identity file: JSON `{ "controllerUrl"?, "cert", "key", "ca"? }`, or the same three below `id` with `ztAPI` for
 * the controller, as clients of OpenZiti keep them. Each is PEM, `pem:` and PEM, or the path of a file, `file:` before it or not.
 *
 * @throws ZtmError `invalid-config` that names the field
 */
export function readIdentityFile(path: string): IdentityFile {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const code = (error as { code?: string }).code
    throw invalid(path, code === undefined ? 'is not JSON' : `cannot be read (${code})`)
  }
  const result = fileShape.safeParse(value)
  if (!result.success) throw invalid(path, 'has no cert and key')
  const { data } = result
  const { cert, key, ca } = 'id' in data ? data.id : data
  const read = (text: string, what: string) => readPart(text, { path, what })
  return {
    certificatePem: read(cert, 'cert'),
    privateKeyPem: read(key, 'key'),
    caPem: ca === undefined ? undefined : read(ca, 'ca'),
    controllerUrl: data.controllerUrl ?? originOf(data.ztAPI),
  }
}

function readPart(text: string, { path, what }: { path: string; what: string }): string {
  const pem = text.replace(/^pem:/, '')
  if (pem.startsWith('-----BEGIN ')) return pem
  try {
    return readFileSync(resolve(dirname(path), text.replace(/^file:(\/\/)?/, '')), 'utf8')
  } catch (error) {
    throw invalid(path, `names a ${what} that cannot be read (${String((error as { code?: string }).code)})`)
  }
}

/** Of `https://host:port/edge/client/v1` the origin is all that counts. */
function originOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined
}

function invalid(path: string, state: string): Error {
  return invalidConfig('identityFile', `${path} ${state}`, 'enrol again, or name another file')
}
