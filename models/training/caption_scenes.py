"""Draw the captioner's cache: scenes of one to four things, most of two.

    caption_scenes.py FOLDER [--first 0] [--shards 60]
"""

import argparse
import os

from scenes import save_shard

FIRST_SEED = 3_000_000
COUNTS = (1, 2, 2, 3, 4)  # things on the scenes of a shard, in turn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--first", type=int, default=0, help="first shard")
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--per-shard", type=int, default=2000)
    args = parser.parse_args()
    for shard in range(args.first, args.first + args.shards):
        path = os.path.join(args.folder, "shard-%04d" % shard)
        if not os.path.exists(path):
            start, count = FIRST_SEED + shard * args.per_shard, COUNTS[shard % len(COUNTS)]
            save_shard(path, range(start, start + args.per_shard), least=count, most=count)


if __name__ == "__main__":
    main()
