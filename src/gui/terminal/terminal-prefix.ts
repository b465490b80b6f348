/** Where the API of a mesh's terminals is. */
export function terminalPrefix(mesh: string): string {
  return `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/terminal`
}
