"""Events that functions see: Lambda@Edge and CloudFront Functions, encoded, decoded and validated."""
