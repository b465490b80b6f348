import { type Name, parseName } from '../core/model/names.ts'

/**
 * What a computer could be called in a mesh, by its host name: the part before the first dot.
 *
 * @returns undefined where that says nothing (`localhost`) or is no name
 */
export function nameOfComputer(hostName: string): Name | undefined {
  const [first = ''] = hostName.split('.')
  if (first === 'localhost') return undefined
  try {
    return parseName(first)
  } catch {
    return undefined
  }
}
