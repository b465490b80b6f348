/**
 * Memory that begins at a page, as reading past the system's cache needs it: see `read-holes` of `Folder.openFile`. No other
 * memory of JavaScript is known to.
 *
 * @param byteCount  rounded up to 64 KiB
 */
export function createPageMemory(byteCount: number): Uint8Array {
  const { Memory } = (globalThis as unknown as HasWasm).WebAssembly
  return new Uint8Array(new Memory({ initial: Math.ceil(byteCount / WASM_PAGE_BYTES) }).buffer)
}

interface HasWasm {
  readonly WebAssembly: {
    readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer }
  }
}

/** A page of WebAssembly's memory, by its specification. */
const WASM_PAGE_BYTES = 65_536
