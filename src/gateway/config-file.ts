import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { type GatewayConfig, gatewayConfigShape } from '../core/gateway/gateway-config.ts'
import { MeshError } from '../core/model/errors.ts'
import { fromNodeError } from '../net/node-error.ts'

/**
 * Read a gateway's configuration; files that it names are relative to its folder, and made absolute.
 *
 * @throws MeshError `not-found`, `too-large`, `bad-input` with the line of each mistake
 */
export async function readGatewayConfig(file: string): Promise<GatewayConfig> {
  const text = await readFile(file, 'utf8').catch(thrown => {
    throw fromNodeError(thrown, `Cannot read ${file}`)
  })
  const config = parseGatewayConfig(text, file)
  const here = (path: string) => resolve(dirname(file), path)
  const { mesh, controller, acme, certificates, accessLog } = config
  return {
    ...config,
    mesh: { ...mesh, ...(mesh.permit !== undefined && { permit: here(mesh.permit) }) },
    ...(controller !== undefined && {
      controller: {
        ...controller,
        ...(controller.identityFile !== undefined && { identityFile: here(controller.identityFile) }),
        ...(controller.ca !== undefined && { ca: here(controller.ca) }),
      },
    }),
    ...(acme !== undefined && {
      acme: { ...acme, ...(acme.caFile !== undefined && { caFile: here(acme.caFile) }) },
    }),
    certificates: certificates.map(one =>
      'acme' in one ? one : { certificate: here(one.certificate), key: here(one.key) },
    ),
    accessLog: accessLog === 'stdout' || accessLog === 'off' ? accessLog : here(accessLog),
  }
}

/**
 * Parse the text of a configuration.
 *
 * @param name  of the file, for messages
 * @throws MeshError `bad-input`: every mistake with its line, `gateway.yaml:7: routes.0.service: …`; `too-large`
 */
export function parseGatewayConfig(text: string, name = 'gateway.yaml'): GatewayConfig {
  if (text.length > MAX_GATEWAY_CONFIG_CHARS) {
    throw new MeshError('too-large', `Cannot use ${name}: over ${MAX_GATEWAY_CONFIG_CHARS} characters`)
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const [broken] = document.errors
  if (broken !== undefined) {
    const [message = ''] = broken.message.split('\n')
    throw new MeshError('bad-input', `Cannot use ${name}: ${message}`)
  }
  const result = gatewayConfigShape.safeParse(plainOf(document, name))
  if (result.success) return result.data
  const problems = result.error.issues.flatMap(issue => ('errors' in issue ? deepest(issue) : [issue]))
  const told = problems.slice(0, MAX_TOLD_PROBLEMS).map(({ path, message }) => {
    const line = lineOf(path)
    return `${name}${line === undefined ? '' : `:${line}`}: ${path.length === 0 ? '' : `${path.join('.')}: `}${message}`
  })
  throw new MeshError('bad-input', `Cannot use configuration: ${told.join('; ')}`)

  /** The line of what a path leads to, or of the nearest thing around it. */
  function lineOf(path: readonly PropertyKey[]): number | undefined {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined
      if (node?.range) return lines.linePos(node.range[0]).line
    }
    return undefined
  }
}

function plainOf(document: Pick<ReturnType<typeof parseDocument>, 'toJS'>, name: string): unknown {
  try {
    // An alias may stand for much more than is written: a few in each other make gigabytes.
    return document.toJS({ maxAliasCount: 100 })
  } catch (thrown) {
    throw new MeshError('bad-input', `Cannot use ${name}: ${(thrown as Error).message}`)
  }
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Of a choice of forms the mistakes of the one that fits best: the one whose mistakes lie deepest. */
function deepest(issue: Issue & { readonly errors: readonly (readonly Issue[])[] }): Issue[] {
  const depth = (issues: readonly Issue[]) => Math.max(0, ...issues.map(({ path }) => path.length))
  const [best] = [...issue.errors].sort((a, b) => depth(b) - depth(a))
  if (best === undefined || best.length === 0) return [issue]
  return best.map(({ path, message }) => ({ path: [...issue.path, ...path], message }))
}

/** The longest configuration that is read. */
export const MAX_GATEWAY_CONFIG_CHARS = 4_194_304
const MAX_TOLD_PROBLEMS = 10
