/** Who uses the local API: the command line over the socket, or somebody with the token over TCP. */
export interface LocalCaller {
  readonly via: 'socket' | 'tcp'
}
