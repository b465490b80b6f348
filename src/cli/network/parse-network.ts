import { readNetwork } from '../../core/edge/network-file.ts'
import type { Network } from '../../core/edge/network-shape.ts'
import { readYaml } from '../read-yaml.ts'

/**
 * Read a network from a YAML or JSON text.
 *
 * @param where  for errors: the file's name
 * @throws MeshError `bad-input` with the place of what is not understood, and for a name that stands twice
 */
export async function parseNetwork(text: string, where: string): Promise<Network> {
  return readNetwork(await readYaml(text, where), where)
}
