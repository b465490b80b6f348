import { visibleName } from '../texts/visible-name.ts'

export { visibleName }

/**
 * A name that others chose: shown as it is, in its own direction, so that no letters in it turn round what stands beside it;
 * what cannot be seen is shown as a box.
 */
export function Name({ children }: { children: string }) {
  return <bdi>{visibleName(children)}</bdi>
}
