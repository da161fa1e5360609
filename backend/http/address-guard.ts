// Which addresses http/request may reach (docs/security.md, "Requests as a stepping stone"). A name is resolved once, and what
// was judged is what is connected to: an answer of the name server that changes afterwards (DNS rebinding) changes nothing.

import { lookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

type Range = readonly [address: string, prefix: number];

/**
 * IPv6 addresses that stand for IPv4 ones: NAT64 (RFC 6052, 8215), Teredo (RFC 4380), 6to4 (RFC 3056), translated (RFC 2765)
 * and compatible ones (RFC 4291). Mapped ones (::ffff:0:0/96) are judged as what they stand for.
 */
const embedding: readonly Range[] = [
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['::ffff:0:0:0', 96],
  ['2001::', 32],
  ['2002::', 16],
  ['::', 96],
];
const loopback: readonly Range[] = [['127.0.0.0', 8], ['0.0.0.0', 8], ['::1', 128], ...embedding];
/** AWS and most others, Alibaba, Azure, Oracle; AWS and Google over IPv6. */
const metadata: readonly Range[] = [
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
  ['fd00:ec2::254', 128],
  ['fd20:ce::254', 128],
  ...embedding,
];

/** What --http-deny and --http-allow take by name. `private` is everything that is not the public internet (RFC 6890). */
const namedRanges: Readonly<Record<string, readonly Range[]>> = {
  all: [
    ['0.0.0.0', 0],
    ['::', 0],
  ],
  loopback,
  metadata,
  private: [
    ...loopback,
    ...metadata,
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
    // The public internet is 2000::/3 (RFC 4291), but for what is set apart in it.
    // Of the zeros before it `embedding` has what means anything; IPv4 addresses are judged as if they lay there too.
    ['100::', 8],
    ['200::', 7],
    ['400::', 6],
    ['800::', 5],
    ['1000::', 4],
    ['4000::', 2],
    ['8000::', 1],
    ['2001::', 23],
    ['2001:db8::', 32],
    ['3fff::', 20],
  ],
};

export class AddressGuard {
  readonly #deny: BlockList;
  readonly #allow: BlockList;

  /**
   * @param deny CIDR ranges, addresses or names of `namedRanges`, separated by commas; `allow`: exceptions from it.
   * @throws Error that names what is none of these.
   */
  constructor(deny: string, allow: string) {
    this.#deny = blockList(deny);
    this.#allow = blockList(allow);
  }

  /** @throws Error that tells a harness what refused it. */
  check(address: string): void {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (this.#deny.check(address, family) && !this.#allow.check(address, family)) {
      throw new Error(`the address ${address} is refused by this server (--http-deny)`);
    }
  }

  /** For sockets: gives only addresses that may be reached, and fails when none is left. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) {
        callback(error, []);
        return;
      }
      let refusal: Error | undefined;
      const allowed = found.filter(({ address }: LookupAddress) => {
        try {
          this.check(address);
          return true;
        } catch (thrown) {
          if (thrown instanceof Error) refusal = thrown;
          return false;
        }
      });
      const [first] = allowed;
      if (!first) callback(refusal ?? new Error(`${hostname} has no address`), []);
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** @throws Error */
function blockList(text: string): BlockList {
  const list = new BlockList();
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    for (const [address, prefix] of namedRanges[item] ?? [parseRange(item)]) {
      list.addSubnet(address, prefix, isIP(address) === 6 ? 'ipv6' : 'ipv4');
    }
  }
  return list;
}

/** @throws Error */
function parseRange(text: string): Range {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = isIP(address) === 6 ? 128 : 32;
  const length = prefix === undefined ? bits : Number(prefix);
  if (
    isIP(address) !== 0 &&
    rest.length === 0 &&
    prefix !== '' &&
    Number.isInteger(length) &&
    length >= 0 &&
    length <= bits
  ) {
    return [address, length];
  }
  throw new Error(`expected ADDRESS/BITS or one of ${Object.keys(namedRanges).join(', ')}, got ${text.slice(0, 100)}`);
}
