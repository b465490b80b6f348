import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'

/**
 * Read YAML, or JSON, which is YAML.
 *
 * @param where  for errors: the file's name
 * @throws MeshError `bad-input` for what is none, and for aliases that multiply
 */
export async function readYaml(text: string, where: string): Promise<unknown> {
  const { parseDocument } = await import('yaml')
  try {
    const document = parseDocument(text, { logLevel: 'error' })
    const [fault] = document.errors
    if (fault !== undefined) throw fault
    return document.toJS({ maxAliasCount: MAX_ALIAS_COUNT })
  } catch (error) {
    const [line] = String((error as Error).message).split('\n')
    throw new MeshError('bad-input', `Cannot read ${quote(where, 300)}: ${line}`)
  }
}

const MAX_ALIAS_COUNT = 100
