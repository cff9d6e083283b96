"""What an AWS configuration may lack, in sentences with a remedy."""

NO_REGION = "No Region is set: export AWS_REGION, or set one in the AWS profile."

NO_CREDENTIALS = (
    "There are no AWS credentials here. Log in (aws sso login), name a profile (AWS_PROFILE=…), or "
    "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. To try it without an account: make local"
)
