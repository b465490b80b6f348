import type { NatMesh } from '../../src/testing/nat-lab-mesh.ts'

/** Another mesh between `work` and `home` of a network lab, for comparison. Ends with the lab. */
export interface Overlay {
  /** Where `work` reaches the port of `home` that `startOverlay` was told. */
  readonly host: string
  readonly port: number
}

/** One that can be compared with. Nothing of it is ours: it takes part where it is installed. */
export interface OverlayProgram {
  readonly name: string
  /** Why it cannot take part here; undefined if it can. */
  whyNot(): string | undefined
  /** @param port  on 127.0.0.1 of `home`, and on all its addresses @param folder  for its files */
  start(mesh: NatMesh, port: number, folder: string): Promise<Overlay>
}
