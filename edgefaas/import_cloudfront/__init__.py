"""CloudFront's distribution JSON → ``edgefaas.toml``, and what could not be carried over.

Pure. Content that needs signatures stays protected: the site that is written does not load until its
operator has added the keys. Everything else that has no equivalent is a sentence in ``left_out`` and in
the file's first lines. Source: ``DistributionConfig`` of the CloudFront API, as ``aws cloudfront
get-distribution-config`` prints it.
"""

from edgefaas.import_cloudfront.distribution import Imported, import_distribution

__all__ = ["Imported", "import_distribution"]
