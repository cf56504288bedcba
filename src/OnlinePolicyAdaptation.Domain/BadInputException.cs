namespace OnlinePolicyAdaptation.Domain;

/// <summary>Input from outside (a file, an option) that cannot be used: where, what stands there, and what was expected.</summary>
/// <remarks>Its message is one line, made for the person who wrote the input; a command prints it and exits with 1.</remarks>
public sealed class BadInputException : Exception
{
    public BadInputException(string message)
        : base(message) { }

    public BadInputException(string message, Exception innerException)
        : base(message, innerException) { }

    public BadInputException()
        : this("unusable input") { }
}
