import { readFile } from 'node:fs/promises'
import type { SecureContext } from 'node:tls'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { type PublicCertificate, readPublicCertificate } from '../net/public-certificate.ts'

/** The certificates that a gateway shows. */
export interface CertificateStore {
  /** The one for a host: by its name, else by a wildcard. */
  contextFor(host: string): SecureContext | undefined
  /** Put one in, or in place of the one of this id. */
  set(id: string, certificate: PublicCertificate): void
  /** Forget all but these. */
  keep(ids: ReadonlySet<string>): void
  get(id: string): PublicCertificate | undefined
  /** Host, and when its certificate ends, seconds since the epoch. */
  expiries(): [string, number][]
}

/** Make an empty store. */
export function createCertificateStore(): CertificateStore {
  const byId = new Map<string, PublicCertificate>()
  const byName = new Map<string, PublicCertificate>()

  function index(): void {
    byName.clear()
    for (const certificate of byId.values()) {
      for (const name of certificate.names) {
        const other = byName.get(name)
        if (other === undefined || other.expiresAtMs < certificate.expiresAtMs) byName.set(name, certificate)
      }
    }
  }

  return {
    contextFor(host) {
      const dot = host.indexOf('.')
      const found = byName.get(host) ?? (dot === -1 ? undefined : byName.get(`*${host.slice(dot)}`))
      return found?.context
    },
    set(id, certificate) {
      byId.set(id, certificate)
      index()
    },
    keep(ids) {
      for (const id of byId.keys()) if (!ids.has(id)) byId.delete(id)
      index()
    },
    get: id => byId.get(id),
    expiries: () => [...byName].map(([name, { expiresAtMs }]) => [name, Math.round(expiresAtMs / 1_000)]),
  }
}

/** A certificate in two files. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** The id of a certificate in files. */
export function fileCertificateId(files: CertificateFiles): string {
  return `${files.certificate}\n${files.key}`
}

/** Read a certificate from its files. @throws MeshError `not-found`, `bad-input` */
export async function readCertificateFiles(
  files: CertificateFiles,
): Promise<{ text: string; read: PublicCertificate }> {
  const read = async (file: string) => {
    return await readFile(file, 'utf8').catch(cause => {
      throw new MeshError('not-found', `Cannot read certificate ${file}: ${(cause as Error).message}`, {
        cause,
      })
    })
  }
  const [chain, key] = [await read(files.certificate), await read(files.key)]
  try {
    return { text: `${chain}\n${key}`, read: readPublicCertificate(chain, key) }
  } catch (thrown) {
    const { code, message } = toMeshError(thrown)
    throw new MeshError(code, `${message}: ${files.certificate}`, { cause: thrown })
  }
}

/**
 * Look again and again whether files of certificates have changed, and put what is in them into the store. What cannot
 * be read, or is half written, leaves the one before in use.
 *
 * @param intervalMs  between two looks
 */
export function watchCertificateFiles(
  store: CertificateStore,
  files: () => readonly CertificateFiles[],
  { log, intervalMs }: { log: Log; intervalMs: number },
): Disposable {
  const texts = new Map<string, string>()
  let isLooking = false
  const look = async () => {
    for (const one of files()) {
      const id = fileCertificateId(one)
      try {
        const { text, read } = await readCertificateFiles(one)
        const before = texts.get(id)
        texts.set(id, text)
        if (before === text || (before === undefined && store.get(id)?.expiresAtMs === read.expiresAtMs))
          continue
        store.set(id, read)
        log.info('certificate.reloaded', { file: one.certificate, names: read.names })
      } catch (thrown) {
        const { message } = toMeshError(thrown)
        if (texts.get(id) !== message) log.warn('certificate.unreadable', { reason: message })
        texts.set(id, message)
      }
    }
  }
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    void look().finally(() => {
      isLooking = false
    })
  }, intervalMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
